"""The adapter for JAX: everything compiled, nothing moved by implication."""
