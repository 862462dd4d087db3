"""The published recurrent cells, a file each; `cells.recurrent.catalogue` reads them."""
