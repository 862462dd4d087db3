"""Images that Python holds, written as data sets."""
