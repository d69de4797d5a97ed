import { createTheme, type CSSVariablesResolver, type MantineColorsTuple } from "@mantine/core";

// Petrol of a cutting mat; greens, reds and ambers are kept for verdicts alone.
const petrol: MantineColorsTuple = [
  "#ecf6f6", "#d7e9ea", "#acd2d4", "#7fbabd", "#5aa6aa", "#41999e", "#2f878c", "#1f7378", "#0f5c63", "#05464c",
];
const slate: MantineColorsTuple = [
  "#dfe6e9", "#c3ced3", "#9fb0b7", "#7d929b", "#566b75", "#3a4d56", "#24343c", "#1a272e", "#131d22", "#0c1417",
];

export const theme = createTheme({
  primaryColor: "petrol",
  primaryShade: { light: 8, dark: 6 },
  colors: { petrol, dark: slate },
  fontFamily:
    '"Pretendard Variable", Pretendard, "Noto Sans KR", "Noto Sans CJK KR", "Apple SD Gothic Neo", "Malgun Gothic", NanumGothic, system-ui, sans-serif',
  fontFamilyMonospace: 'ui-monospace, "JetBrains Mono", "Cascadia Mono", Consolas, monospace',
  defaultRadius: "md",
  radius: { md: "10px", lg: "16px" },
  headings: { fontWeight: "700", sizes: { h1: { fontSize: "1.75rem", lineHeight: "1.25" }, h2: { fontSize: "1.25rem", lineHeight: "1.3" } } },
  cursorType: "pointer",
});

export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#f5f3ee",
    "--mantine-color-text": "#17252b",
    "--mantine-color-dimmed": "#5b6b71",
    "--k-surface": "#ffffff",
    "--k-sunken": "#ece9e1",
    "--k-line": "#dcd7cb",
    "--k-pass": "#1b7a4b", "--k-pass-soft": "#def1e5",
    "--k-fail": "#b8321f", "--k-fail-soft": "#fbe3de",
    "--k-review": "#8a5a00", "--k-review-soft": "#fbecc8",
    "--k-rework": "#6a3d9a", "--k-rework-soft": "#ece2f6",
    "--k-started": "#1660a8", "--k-started-soft": "#dcebf9",
    "--k-idle": "#5b6b71", "--k-idle-soft": "#ece9e1",
  },
  dark: {
    "--mantine-color-body": "#0f171b",
    "--mantine-color-text": "#e6edef",
    "--mantine-color-dimmed": "#9fb0b7",
    "--mantine-color-petrol-light": "#1d3a3f",
    "--mantine-color-petrol-light-hover": "#24474d",
    "--mantine-color-petrol-light-color": "#acd2d4",
    "--k-surface": "#18242a",
    "--k-sunken": "#111b20",
    "--k-line": "#2c3d45",
    "--k-pass": "#6fd39b", "--k-pass-soft": "#14382a",
    "--k-fail": "#ff9380", "--k-fail-soft": "#47201a",
    "--k-review": "#f2c25c", "--k-review-soft": "#3f300d",
    "--k-rework": "#c9a5f2", "--k-rework-soft": "#33224a",
    "--k-started": "#86bdf5", "--k-started-soft": "#16304a",
    "--k-idle": "#9fb0b7", "--k-idle-soft": "#22323a",
  },
});
