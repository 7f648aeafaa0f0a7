"""The durability promises, one a file; README.md lists them."""
