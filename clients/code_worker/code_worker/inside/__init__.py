"""Programs that run within the sandbox. They import nothing but the standard library and each other.

`judge` holds the tests, `subject` the code that is tested: two processes in two sandboxes, with a socket between them.
"""
