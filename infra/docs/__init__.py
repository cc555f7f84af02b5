"""What `make docs` needs besides docs/ and mkdocs.yml."""
