"""Generates `collections/`: Postman collections of the API's requests, and of a story that uses them."""
