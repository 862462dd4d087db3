"""Networks designed layer by layer, with skip connections (Zoph & Le 2017, section 3.3)."""
