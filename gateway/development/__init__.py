"""`bookgate dev`: everything that one machine needs to try a book, and the provider that no site may use."""
