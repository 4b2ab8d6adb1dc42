"""Files over HTTP: uploads by tus 1.0.0, downloads by GET."""
