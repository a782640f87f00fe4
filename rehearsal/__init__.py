"""The whole site on one machine: mock AWS, containers in place of EC2 instances, and scenarios that test the site."""
