"""Plans by a language model: the brief it reads, the reply it writes, and access to it."""
