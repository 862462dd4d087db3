"""The JSON schema of recurrent cells."""
