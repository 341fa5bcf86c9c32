"""Words of remarks that are said in one place and looked for in another."""

#: Begins a remark that a report has, and its text has not: it is that of nearly every custom rule.
NOT_IN_BATCHES = "func was called one by one, not in batches"
