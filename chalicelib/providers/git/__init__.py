"""Git without a disk and without the git program: objects, packs, histories, and remotes over the guarded HTTP client.

dulwich is imported where it is used: reading a file from a pack needs none of it.
"""
