"""The HTTP contract as types and tables: requests, responses, problems, and the OpenAPI document made of them."""
