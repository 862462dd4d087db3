"""The published cells, each a genotype file; `cells.genotype.catalogue` reads them."""
