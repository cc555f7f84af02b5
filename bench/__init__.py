"""What Yardmaster costs, measured: `make bench` writes RESULTS.md. One module for each figure, each run alone."""
