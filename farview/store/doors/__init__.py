"""The methods of farview.store.store.Store, by what they are of. Their queries are in the files beside this folder."""
