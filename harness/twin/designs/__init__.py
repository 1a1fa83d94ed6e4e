"""The platforms that the twin can be, each as written and hardened."""
