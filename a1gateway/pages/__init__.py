"""The application's pages in Bitrix24's frame."""
