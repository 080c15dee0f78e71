"""Prefect flows: how people see and steer the work.

A flow run shows the story (`followup.story`) that a site's agent writes while it works; it never does the
work, so that the telescope does not wait for an orchestrator. What a run can do to the work is to cancel it.
"""
