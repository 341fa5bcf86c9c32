"""The adapter for any array API namespace, by the standard alone."""
