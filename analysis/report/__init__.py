"""The report: what is asked of the record, the parts it has, and three ways to show them."""
