"""``followup faults``: campaigns that must end as if nothing had happened, whatever dies, breaks or lies."""
