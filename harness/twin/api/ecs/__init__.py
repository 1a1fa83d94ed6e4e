"""ECS on Fargate: services keep their number of tasks, tasks are real processes."""

from harness.twin.api.ecs.service import Ecs

__all__ = ["Ecs"]
