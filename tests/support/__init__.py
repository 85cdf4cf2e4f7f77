"""What tests share: real processes, stores, the corpus, and what rows should be."""
