"""Terraform plans, as `terraform show -json` tells them: a platform's configuration before it is built."""
