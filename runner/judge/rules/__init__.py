"""The judge's questions about source text, one small module each."""
