"""The system under test: the four services of AgentAuri, honest about their known faults."""
