"""Reading texts as people have them."""
