"""Namespaces, the wide-area network between them, and network ACLs."""
