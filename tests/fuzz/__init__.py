"""Random functions, random claims, and what may be said of them."""
