"""The HTTP contract: the types of requests and responses, the table of problems, and the OpenAPI document."""
