"""Deployments: ReplicaSets by pod template, rollouts, revisions, conditions."""
