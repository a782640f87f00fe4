"""Run Ansible's modules quickly: fork each from a process that has already imported Ansible, its collections and boto3.

An ordinary AWS module spends about one second of processor time on imports, which it reads from an archive without
compiled code, and on boto3's service models. Its own work takes a tenth of that. The tests run thousands of modules.
"""
