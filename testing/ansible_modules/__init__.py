"""Run Ansible's modules quickly: fork each from a process that has already imported Ansible, its collections and boto3.

An ordinary AWS module uses about one second of CPU time to import packages from an archive without bytecode and to load
boto3's service models. Its own work takes a tenth of that. The tests run thousands of modules.
"""
