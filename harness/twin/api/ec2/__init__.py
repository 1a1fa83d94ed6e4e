"""EC2 as far as game days need it: VPCs, subnets, security groups and, in full, network ACLs."""

from harness.twin.api.ec2.service import Ec2

__all__ = ["Ec2"]
