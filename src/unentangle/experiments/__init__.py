"""Our own ablations and comparisons; the papers print none of them."""
