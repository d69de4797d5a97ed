// Keeps the kiosk's project alive while its folder holds no modules.
export {};
