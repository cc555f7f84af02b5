"""What is due by the clock: wakeups of single items, and the sweep that finds what a lost message left undone."""
