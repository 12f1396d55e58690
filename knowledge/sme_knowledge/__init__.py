"""Known issues: the file format, the store, retrieval, and the library that ships."""
