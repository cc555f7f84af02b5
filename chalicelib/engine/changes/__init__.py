"""The relay: it carries out what follows from each change of an item, and builds and reads the queue messages."""
