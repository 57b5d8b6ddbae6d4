"""HorizontalPodAutoscalers: how many pods their use asks for, and how fast that may change."""
