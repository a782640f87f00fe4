"""The rules of the showcase. They use no web framework, queue library or AWS client, and start no processes."""
