-- A Resource.
Tuple(attributes {attributes})
