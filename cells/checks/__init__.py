"""What a caller gives, compared before anything is written: types, and whose a folder is."""
