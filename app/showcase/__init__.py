"""The rules of the showcase. They import no web framework, queue library or AWS client, and no `subprocess`."""
