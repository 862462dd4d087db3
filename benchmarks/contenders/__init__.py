"""All contenders and `cells auto` side by side, on the same images with the same budget."""
