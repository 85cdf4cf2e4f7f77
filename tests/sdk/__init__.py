"""The SDK, in the process of an agent."""
