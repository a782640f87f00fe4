"""The rules of the showcase: no web framework, no queue library, no AWS client, no processes."""
