"""One reader for all kinds of JSON files: image cells, recurrent cells, whole networks."""
