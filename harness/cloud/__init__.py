"""The only user of boto3: every call to AWS, by fault, probe and discovery."""
