"""The documents of the interface: AsyncAPI of events, OpenAPI of routes, a page over both."""
