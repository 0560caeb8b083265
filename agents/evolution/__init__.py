"""Small policies whose weights are found by evolution, on episodes that run without Python."""
